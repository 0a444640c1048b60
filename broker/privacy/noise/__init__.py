"""Noise is drawn in a process of its own: no code of researchers, no data but exact bounded answers, no seed.
Callers use `noise_process`; `noise_protocol` is what goes between; `noise_server` is the process."""
