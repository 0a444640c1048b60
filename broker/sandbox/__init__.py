"""The sandbox package: runs one job in isolation and returns its frames. Independent of plans, policies and stores."""
