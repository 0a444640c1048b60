"""What leaves today against all that ever left: who could be told apart by subtracting. Pure: no I/O, no clock."""
