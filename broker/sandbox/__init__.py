"""The sandbox room: runs one job in isolation and hands back its frames. It knows no plan, no policy and no store."""
