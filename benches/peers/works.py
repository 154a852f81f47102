"""The works of the comparison: what is asked of whom, and the ratio to the best peer that Tribunal aims at."""
from typing import NamedTuple


class Work(NamedTuple):
    key: str
    title: str
    kind: str      # video, image, sound
    folder: str    # of the media, one folder a work
    sampler: str   # ours, and what the peers pick
    warm: str
    peers: tuple
    goals: tuple   # (peer or None for the best, ratio)


CLIP = ("PyAV", "torchcodec", "decord", "OpenCV")
KEYS = ("PyAV", "torchcodec", "decord", "ffmpeg")
SOUND = ("PyAV", "torchcodec", "ffmpeg", "soundfile+soxr")

WORKS = (
    Work("V1 long", "8 frames of 60 s 1080p60, GOP 250", "video", "v1long", "linspace:8", "warm.mp4", CLIP, ((None, 0.70),)),
    Work("V1 short", "8 frames, mean of 16 clips of many kinds", "video", "short", "linspace:8", "warm.mp4", CLIP, ((None, 0.75),)),
    Work("V2", "the middle frame, mean of 10 long 1080p clips", "video", "long", "middle", "warm.mp4", CLIP, ((None, 0.90),)),
    Work("V3", "32 frames of 55 s 720p with one keyframe", "video", "v3", "linspace:32", "warm.mp4", (*CLIP, "ffmpeg"), ((None, 0.70),)),
    Work("V4", "all keyframes, mean of 10 long 1080p clips", "video", "long", "keyframes", "warm.mp4", KEYS, ((None, 0.90),)),
    Work("I1", "12 megapixel JPEG, mean of 4", "image", "photos", "", "warm.jpg", ("OpenCV reduced", "pyvips", "Pillow draft", "Pillow"),
         (("OpenCV reduced", 0.95), ("Pillow", 0.22))),
    Work("A1 mp3", "600 s 48 kHz stereo to 16 kHz mono", "sound", "mp3", "", "warm.mp3", SOUND, ((None, 0.95),)),
    Work("A1 m4a", "600 s 48 kHz stereo to 16 kHz mono", "sound", "m4a", "", "warm.m4a", SOUND[:3], ((None, 0.95),)),
    Work("A1 flac", "600 s 48 kHz stereo, 24 bit, to 16 kHz mono", "sound", "flac", "", "warm.flac", SOUND, ((None, 0.85),)),
    Work("2 h", "two hours of 8 kHz mp3 to 16 kHz mono", "sound", "twohours", "", "warm.mp3", SOUND[:1] + SOUND[2:], ()),
)
