"""Noise is drawn in a process of its own: no code of researchers, no data but exact bounded answers, no seed.
Callers use `client`; `frames` is what goes between; `serve` is the process."""
