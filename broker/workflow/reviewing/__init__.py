"""What checkers find, read and say beside their votes: inbox, submissions, evidence in its context, threads."""
