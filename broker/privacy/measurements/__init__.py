"""The only package that uses OpenDP: turns a description of a job's noise into the measurement that charges and draws
it. Neither reads data nor makes choices. (OpenDP's prelude is not imported, because it looks for scikit-learn and
polars.)

All parts are measured on one input space, the number of persons added or removed, through transformations that declare
our proved sensitivities (`bounds`). So a job's charge is OpenDP's own map of the very measurement that runs.
"""

from broker.privacy.measurements.composition import charge, draw, loss, measurement
from broker.privacy.measurements.mechanism_measurements import epsilon_of, root_up

__all__ = ["charge", "draw", "epsilon_of", "loss", "measurement", "root_up"]
