"""Speaks a list of texts with eSpeak NG, as the program of a process of its own.

A voice depends on what the library said before, in the same process too; a fresh process that goes through one list in
its order always says the same. The library (GPL-3) is loaded here and nowhere else. Imports neither torch nor config.

    python -m aibench.tasks.speech_recognition.espeak LINES SPEECH

LINES is a JSON list of `[text, voice, rate, pitch]`. SPEECH becomes a NumPy archive: `samples`, int16, all of them one
behind the other; `ends`, where each line ends; `sample_rate`.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# speak_lib.h
_SYNCHRONOUS, _RATE, _PITCH, _UTF8, _CHARACTERS = 2, 1, 3, 1, 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """Loads the library.

    Attributes:
        sample_rate: Samples in a second.
    """

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.sample_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, 0))
        if self.sample_rate < 1:
            raise RuntimeError(f"espeak_Initialize returned {self.sample_rate}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # returns nothing
        self._parts: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._heard)  # kept, or it would be freed while the library holds it
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, rate: int, pitch: int) -> NDArray[np.int16]:
        """Speak `text` in a voice such as `en-us+f2`, at words a minute and a pitch of 0 to 100: int16 (samples,)."""
        self._parts.clear()
        self._checked("espeak_SetVoiceByName", voice.encode())  # without a check, an unknown one keeps the last
        self._checked("espeak_SetParameter", _RATE, rate, 0)
        self._checked("espeak_SetParameter", _PITCH, pitch, 0)
        said = text.encode() + b"\0"
        self._checked("espeak_Synth", said, ctypes.c_size_t(len(said)), 0, _CHARACTERS, 0, _UTF8, None, None)
        self._checked("espeak_Synchronize")
        return np.concatenate(self._parts)

    def _heard(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if samples and count > 0:
            self._parts.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    def _checked(self, function: str, *arguments: object) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            raise RuntimeError(f"{function}{arguments} returned {code}")


def main(lines: str, speech: str) -> None:
    """Say the lines in the file `lines`, and write the file `speech`."""
    speaker = Speaker()
    said = [speaker.say(*line) for line in json.loads(Path(lines).read_text(encoding="utf-8"))]
    ends = np.cumsum([len(samples) for samples in said])
    np.savez(speech, samples=np.concatenate(said), ends=ends, sample_rate=speaker.sample_rate)


if __name__ == "__main__":
    main(*sys.argv[1:])
