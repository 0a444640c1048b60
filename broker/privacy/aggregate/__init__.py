"""Sample and aggregate: one answer out of the answers of many blocks of persons (Nissim, Raskhodnikova, Smith 2007).
What a person can move is one block's answer within its range, whatever the program is that made it."""
