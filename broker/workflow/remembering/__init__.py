"""The memory's part of a job's way: compared when it is assessed, compared again and remembered when it is released."""
