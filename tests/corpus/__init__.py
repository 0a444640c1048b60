"""What the broker says of 676 submissions, recorded: a change that is to change no behaviour is held against it."""
