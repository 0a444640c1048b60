"""How many people each part of a text could hold, by public sizes alone. Reads no data; refuses nothing."""
