"""The stages that a worker takes a job through: run, assess, compare, route, complete and release."""
