"""What flannel does, asks and says, as pure functions. Knows no clock, no kernel, no library."""
