"""Private scripts: any program over blocks of persons, and one noisy answer out of the blocks' answers. The same
ledger, noise process, stored answer and record as other private jobs."""
