"""Sizes with which encoders are small."""

HTS = dict(
    embed_dim=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    window_size=2,
    spec_size=64,
    front={"feature_size": 32, "max_length_s": 1},
)
BEATS = dict(
    embed_dim=8,
    encoder_embed_dim=16,
    encoder_ffn_embed_dim=16,
    encoder_layers=2,
    encoder_attention_heads=2,
    conv_pos=4,
    conv_pos_groups=2,
)
