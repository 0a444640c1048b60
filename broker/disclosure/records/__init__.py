"""Records of an assessment: for staff, for ACRO, the stored form, and what is released. Takes no decisions."""
