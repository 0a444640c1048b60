"""Differential privacy: sensitivities, mechanisms, noise, accounting, results. Pure but for `noise`, a process of its
own: no SQL, no store, no clock. OpenDP is imported by `measurements` alone."""
