"""Live: answers while a visitor speaks.

``panel`` draws the button and what it opens, ``routes`` has the addresses of the server that serve
it, ``stream`` answers the sound of one microphone, and ``text`` has the texts.
"""
