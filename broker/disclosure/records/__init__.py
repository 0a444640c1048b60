"""Records of an assessment: staff's, ACRO's, the stored form, and what is released. Judges nothing."""
