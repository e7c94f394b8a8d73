"""python -m agbot."""

from agbot.cli import main

main()
