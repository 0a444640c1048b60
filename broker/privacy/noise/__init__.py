"""Noise is drawn in a process of its own, which has no code of researchers, no seed, and no data except exact bounded
answers.

Callers use `noise_client`. `noise_protocol` is the format of messages, and `noise_server` the process itself.
"""
