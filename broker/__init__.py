"The NPD job broker: your code runs where the data are, and only checked results are released."

__version__ = "0.1.0"
