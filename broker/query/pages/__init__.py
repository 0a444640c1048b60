"""What researchers read about the language, written from the tables that decide."""
