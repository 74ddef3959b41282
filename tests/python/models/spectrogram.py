"""Preprocessing of sound."""


import numpy as np


def alone(shape, layer):
    def case(keras):
        x = np.random.default_rng(5).uniform(-1, 1, (2, shape[0] or 1200, *shape[1:]))
        return keras.Sequential([keras.Input(shape), layer(keras.layers)]), [x.astype("float32")]

    return case


CASES = {
    "stft": alone((700, 1), lambda k: k.STFTSpectrogram()),
    **{f"stft_{mode}": alone((200, 2), lambda k, mode=mode: k.STFTSpectrogram(mode, 32, 10, fft_length=64))
       for mode in ("magnitude", "psd", "real", "imag", "stft")},
    "stft_images": alone((None, 3), lambda k: k.STFTSpectrogram(frame_length=32, padding="same", expand_dims=True, window="hamming", scaling="spectrum")),
    "stft_open": alone((None, 2), lambda k: k.STFTSpectrogram("magnitude", 32, periodic=True, scaling=None)),
    "stft_half": alone((200, 2), lambda k: k.STFTSpectrogram("magnitude", 32, dtype="float16")),
    "mel": alone((3000,), lambda k: k.MelSpectrogram(fft_length=512, sequence_stride=128, num_mel_bins=40)),
    "mel_open": alone((None,), lambda k: k.MelSpectrogram(512, 100, 400, sampling_rate=8000, num_mel_bins=20, min_freq=0.0, max_freq=3000, window="hamming")),
    "mel_power": alone((1000,), lambda k: k.MelSpectrogram(256, 64, num_mel_bins=16, power_to_db=False, mag_exp=1.5)),
    "mel_decibels": alone((1000,), lambda k: k.MelSpectrogram(256, 64, num_mel_bins=16, top_db=20.0, min_power=1e-4, ref_power=3.0)),
    "mel_half": alone((1000,), lambda k: k.MelSpectrogram(256, 64, num_mel_bins=16, dtype="mixed_float16")),
}
