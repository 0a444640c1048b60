"""What is kept and told of an assessment: staff's records, ACRO's, and what leaves. Judges nothing."""
