"""The NPD job broker: the code comes to the data, and only checked results leave."""

__version__ = "0.1.0"
