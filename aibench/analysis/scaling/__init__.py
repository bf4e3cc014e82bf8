"""Says what several devices gain over one."""
