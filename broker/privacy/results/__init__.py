"""What is made of noisy answers: post-processing only. Sees no exact answer and no data, so it costs nothing."""
