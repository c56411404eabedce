"""A tiny FineLAP as a recipe builds it, to be exported."""

YAML = """
spec: !new:speechbrain_opensed.core.spec.SedSpec
    hop_seconds: 0.15625
    window_seconds: 10.0
    normalize: null
model: !new:speechbrain_opensed.lobes.finelap.FineLAP
    embed_dim: 16
    depth: 1
    num_heads: 2
    embed_size: 16
    tokenizer: hash
    frame_seconds: 0.15625
    roberta:
        vocab_size: 99
        hidden_size: 16
        num_hidden_layers: 1
        num_attention_heads: 2
        intermediate_size: 32
text_encoder: !new:speechbrain_opensed.lobes.text.finelap.FineLAPTextEncoder
    model: !ref <model>
"""
