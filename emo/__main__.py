"""Run the command line: ``python -m emo``."""

import signal

from emo.cli import process

if __name__ == "__main__":
    signal.signal(signal.SIGINT, process.stop)
    process.prepare()
elif __name__ == "__mp_main__":  # a worker, which imports this before anything else
    process.prepare_worker()

from emo.cli.main import main

if __name__ == "__main__":
    process.run(main)
