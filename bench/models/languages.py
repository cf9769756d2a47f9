"""Count how often synthetic voices in other languages are flagged as no speech.

    python bench/models/languages.py

The corpora are English.  espeak-ng (Debian package ``espeak-ng``) speaks two sentences or more in
each of 18 languages, by six voices, at rates and pitches that go round; flite speaks English with
voices made of recordings.  The counts are added to ``models/non_speech.json``.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from emo.audio.clip import decode
from emo.evaluation.non_speech.false_alarms import count_flags, is_flagged
from emo.evaluation.stored import NON_SPEECH, read_json, write_json

MODELS = Path(__file__).resolve().parents[2] / "models"

SENTENCES = {
    "de": (
        "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
        "Heute Abend könnte ich es ihm sagen.",
        "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
        "In sieben Stunden wird es soweit sein. Der Lappen liegt auf dem Eisschrank.",
    ),
    "fr": (
        "Le petit chat dort sur la chaise depuis ce matin.",
        "Je ne comprends pas pourquoi tu es parti si vite.",
    ),
    "es": (
        "No puedo creer que hayas venido hasta aquí solo.",
        "Los perros ladran porque el cartero ha llegado.",
    ),
    "it": (
        "Non capisco perché tu sia andato via così presto.",
        "Il gatto dorme sulla sedia da questa mattina.",
    ),
    "nl": (
        "Ik begrijp niet waarom je zo vroeg bent weggegaan.",
        "De kat slaapt al sinds vanmorgen op de stoel.",
    ),
    "pl": (
        "Nie rozumiem, dlaczego wyszedłeś tak wcześnie.",
        "Kot śpi na krześle od samego rana.",
    ),
    "ru": (
        "Я не понимаю, почему ты ушёл так рано.",
        "Кошка спит на стуле с самого утра.",
    ),
    "tr": (
        "Neden bu kadar erken gittiğini anlamıyorum.",
        "Kedi sabahtan beri sandalyede uyuyor.",
    ),
    "cmn": (
        "我不明白你为什么走得这么早。",
        "猫从早上起就睡在椅子上。",
    ),
    "hi": (
        "मुझे समझ नहीं आता कि तुम इतनी जल्दी क्यों चले गए।",
        "बिल्ली सुबह से कुर्सी पर सो रही है।",
    ),
    "pt": (
        "Não entendo por que você saiu tão cedo.",
        "O gato dorme na cadeira desde esta manhã.",
    ),
    "sv": (
        "Jag förstår inte varför du gick så tidigt.",
        "Katten har sovit på stolen sedan i morse.",
    ),
    "fi": (
        "En ymmärrä, miksi lähdit niin aikaisin.",
        "Kissa on nukkunut tuolilla aamusta asti.",
    ),
    "cs": (
        "Nechápu, proč jsi odešel tak brzy.",
        "Kočka spí na židli od rána.",
    ),
    "ja": (
        "わたしは きのう ともだちと こうえんへ いきました。",
        "ねこは あさから いすのうえで ねています。",
    ),
    "ar": (
        "لا أفهم لماذا غادرت مبكرا جدا.",
        "القطة نائمة على الكرسي منذ الصباح.",
    ),
    "en": (
        "I would like a new alarm clock, and a cup of tea.",
        "The surface is slick. We will stop in a couple of minutes.",
    ),
}
"""By the language code of espeak-ng."""

VARIANTS = ("", "+f2", "+m3", "+f4", "+klatt2", "+m7")
FLITE_VOICES = ("kal", "awb", "rms", "slt", "awb_time", "kal16")
FLITE_SENTENCES = (
    "I would like a new alarm clock, and a cup of tea.",
    "The airplane is almost full. Do not forget a jacket!",
    "Kids are talking by the door.",
    "Maybe tomorrow it will be cold, she said, and closed the window.",
    "Six thick thistle sticks, which fish dish is best?",
)


def espeak_commands() -> Iterator[list[str]]:
    """Return a command for each sentence and voice, rate and pitch other each time."""
    turns = count(1)
    for language, sentences in SENTENCES.items():
        for variant in VARIANTS:
            for sentence in sentences:
                turn = next(turns)
                rate, pitch = 130 + 37 * turn % 90, 20 + 23 * turn % 70
                how = ["-s", str(rate), "-p", str(pitch), "--stdout"]
                yield ["espeak-ng", "-v", f"{language}{variant}", *how, sentence]


def flite_commands() -> Iterator[list[str]]:
    """Return a command for each sentence and voice."""
    for voice in FLITE_VOICES:
        for sentence in FLITE_SENTENCES:
            yield ["flite", "-voice", voice, "-t", sentence, "-o", "/dev/stdout"]


SPEAKERS = {"espeak-ng": espeak_commands, "flite": flite_commands}


def flag(command: list[str]) -> bool:
    """Return whether what a command speaks is flagged."""
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    return is_flagged(decode(spoken, "spoken.wav").samples)


def counted(speakers: Mapping[str, Any] = SPEAKERS) -> dict[str, dict[str, int]]:
    """Return how many are spoken and flagged, by program."""
    return {name: count_flags(map(flag, commands())) for name, commands in speakers.items()}


def main() -> None:
    """Count and write."""
    if missing := [name for name in SPEAKERS if shutil.which(name) is None]:
        raise SystemExit(f"{' and '.join(missing)} must be installed: apt-get install them.")
    stored = read_json(MODELS / NON_SPEECH)
    stored["synthetic"] = counted()
    write_json(MODELS / NON_SPEECH, stored)
    print(stored["synthetic"])


if __name__ == "__main__":
    main()
