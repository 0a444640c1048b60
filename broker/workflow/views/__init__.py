"""What people see: jobs and their progress, notices, the register, budgets, catalogue and system state."""
