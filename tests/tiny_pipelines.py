"""Pipelines of diffusers as they are shipped, random and tiny."""

import torch

__all__ = ["tiny_audioldm2", "tiny_stable_audio"]

RATE = 16000


def _text():
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = ["<pad>", "</s>", "<unk>", "\u2581a", "\u2581dog", "\u2581bell"]
    tokenizer = T5Tokenizer(
        vocab=[(piece, -float(i)) for i, piece in enumerate(pieces)],
        extra_ids=0,
        model_max_length=16,
    )
    sizes = {"d_model": 8, "d_kv": 4, "d_ff": 16}
    model = T5EncoderModel(
        T5Config(vocab_size=16, num_layers=1, num_heads=2, **sizes)
    )
    return model.eval(), tokenizer


def _vocoder():
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=8,
            sampling_rate=RATE,
            upsample_initial_channel=32,
            upsample_rates=[4, 4, 5, 2],
            upsample_kernel_sizes=[8, 8, 10, 4],
            resblock_kernel_sizes=[3],
            resblock_dilation_sizes=[[1]],
            normalize_before=False,
        )
    )


def tiny_audioldm2():
    """`AudioLDM2Pipeline`, of AudioLDM 2's parts."""
    from diffusers import AudioLDM2Pipeline, AutoencoderKL, DDIMScheduler
    from diffusers.pipelines.audioldm2.modeling_audioldm2 import (
        AudioLDM2ProjectionModel,
        AudioLDM2UNet2DConditionModel,
    )
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        GPT2Config,
        GPT2LMHeadModel,
        RobertaTokenizer,
    )

    torch.manual_seed(0)
    sizes = {"num_hidden_layers": 1, "intermediate_size": 16}
    text = {
        **{"vocab_size": 99, "hidden_size": 16, "num_attention_heads": 2},
        **{"projection_dim": 8, "max_position_embeddings": 40},
        **sizes,
    }
    audio = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "hidden_size": 64,
        "projection_dim": 8,
        **sizes,
    }
    clap = ClapModel(
        ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    )
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abilnr"]
    t5, tokenizer = _text()
    pipeline = AudioLDM2Pipeline(
        vae=AutoencoderKL(
            in_channels=1,
            out_channels=1,
            latent_channels=4,
            block_out_channels=(8, 8, 8),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            norm_num_groups=4,
        ),
        text_encoder=clap,
        text_encoder_2=t5,
        projection_model=AudioLDM2ProjectionModel(8, 8, 16),
        language_model=GPT2LMHeadModel(
            GPT2Config(
                vocab_size=9,
                n_embd=16,
                n_layer=1,
                n_head=2,
                n_positions=64,
                bos_token_id=0,
                eos_token_id=1,
                max_new_tokens=4,
            )
        ),
        tokenizer=RobertaTokenizer(
            vocab={letter: i for i, letter in enumerate(letters)},
            merges=[],
            model_max_length=16,
        ),
        tokenizer_2=tokenizer,
        feature_extractor=ClapFeatureExtractor(),
        unet=AudioLDM2UNet2DConditionModel(
            in_channels=4,
            out_channels=4,
            sample_size=16,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            attention_head_dim=2,
            # Itself, the states of GPT-2, those of T5.
            cross_attention_dim=([None, 16, 8], [None, 16, 8]),
            transformer_layers_per_block=1,
        ),
        scheduler=DDIMScheduler(
            beta_start=0.0015,
            beta_end=0.0195,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
        ),
        vocoder=_vocoder(),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def tiny_stable_audio():
    """`StableAudioPipeline`, of Stable Audio Open's parts."""
    from diffusers import (
        AutoencoderOobleck,
        EDMDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )

    torch.manual_seed(0)
    t5, tokenizer = _text()
    pipeline = StableAudioPipeline(
        vae=AutoencoderOobleck(
            encoder_hidden_size=4,
            downsampling_ratios=[4, 8],
            channel_multiples=[1, 2],
            decoder_channels=4,
            decoder_input_channels=4,
            audio_channels=2,
            sampling_rate=RATE,
        ),
        text_encoder=t5,
        projection_model=StableAudioProjectionModel(8, 8, 0.0, 512.0),
        tokenizer=tokenizer,
        transformer=StableAudioDiTModel(
            sample_size=256,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            num_key_value_attention_heads=2,
            out_channels=4,
            cross_attention_dim=8,
            time_proj_dim=8,
            global_states_input_dim=16,
            cross_attention_input_dim=8,
        ),
        scheduler=EDMDPMSolverMultistepScheduler(
            prediction_type="v_prediction",
            solver_order=2,
            sigma_schedule="exponential",
        ),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
