"""What training will cost: operations counted, a processor's calibration, time, memory and disk of each cell."""
