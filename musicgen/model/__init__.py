"""The network. Read config.py, cells.py, network.py, inputs.py, stepping.py in this order."""
