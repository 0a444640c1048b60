"""Differential privacy: sensitivities, mechanisms, noise, accounting, results. Pure except for `noise`, which runs a
separate process: no SQL, no store, no clock. Only `measurements` imports OpenDP."""
