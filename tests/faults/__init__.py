"""Kill, starve and disturb every command that writes; see what is left.

Run by `make faults`, or `python -m tests.faults --trials 30 --only detect`.
Each trial forks this process, which has everything imported, and the child
runs the command as `opensed` does. What has to hold afterwards:

- lost: what belonged to the user is there, unchanged;
- half-written: what stands under its final name is whole, or ends with a line
  where the file grows by lines, and what reads it can read it;
- wrong: the same command run again gives what an undisturbed run gives, or,
  where the fault stays, an error in words and exit code 1 or 2.

A kill shows something only if it meets the command while it writes: `inside`
counts the trials in which it had begun to, and had not come to its end.
"""
