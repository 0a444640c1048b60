"""Results made from noisy answers: post-processing only. It sees no exact answer and no data, so it costs no privacy
loss."""
