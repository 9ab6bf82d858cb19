"""What runs in the background, in processes of its own or inside the served one."""
