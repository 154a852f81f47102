"""The image and sound peers: a picture becomes {0: JPEG}, a sound {chunk: WAV of 30 s, 16 kHz mono}. Written as their experts would."""
import io, struct, subprocess
from itertools import chain

from video_readers import LONG_EDGE, QUALITY, fit, jpeg_of_bgr

RATE, CHUNK = 16_000, 30


class OpenCVReduced:
    """libjpeg's quarter size, then INTER_AREA; OpenCV turns the picture upright itself."""

    def load(self):
        import cv2
        cv2.setNumThreads(1)
        self.cv2 = cv2

    def read(self, path, _):
        picture = self.cv2.imread(path, self.cv2.IMREAD_REDUCED_COLOR_4)
        height, width = picture.shape[:2]
        return {0: jpeg_of_bgr(self.cv2.resize(picture, fit(width, height), interpolation=self.cv2.INTER_AREA))}


class Vips:
    """thumbnail: shrink on load, upright, one thread."""

    def load(self):
        import os
        os.environ["VIPS_CONCURRENCY"] = "1"
        import pyvips
        self.image = pyvips.Image

    def read(self, path, _):
        return {0: self.image.thumbnail(path, LONG_EDGE, height=LONG_EDGE, size="down").jpegsave_buffer(Q=QUALITY)}


class Pillow:
    """What most harnesses do: the whole picture, LANCZOS."""
    draft = False

    def load(self):
        from PIL import Image, ImageOps
        self.image, self.ops = Image, ImageOps

    def read(self, path, _):
        with self.image.open(path) as picture:
            if self.draft:
                picture.draft("RGB", fit(*picture.size))
            small = self.ops.exif_transpose(picture.convert("RGB").resize(fit(*picture.size), self.image.Resampling.LANCZOS))
            out = io.BytesIO()
            small.save(out, "JPEG", quality=QUALITY)
            return {0: out.getvalue()}


class PillowDraft(Pillow):
    """draft(): libjpeg's reduced size first."""
    draft = True


def wavs(samples):
    """16-bit mono samples as WAV files of 30 s."""
    size = 2 * RATE * CHUNK
    header = lambda data: b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<IHHIIHH4sI", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", len(data))
    return {i: header(chunk) + chunk for i, chunk in enumerate(samples[at:at + size] for at in range(0, len(samples), size))}


class PyAVSound:
    """AudioResampler, one pass."""

    def load(self):
        import av
        av.logging.set_level(av.logging.PANIC)
        self.av = av

    def read(self, path, _):
        resampler, samples = self.av.AudioResampler("s16", "mono", RATE), bytearray()
        with self.av.open(path) as container:
            stream = container.streams.audio[0]
            stream.thread_type = "NONE"
            for frame in chain(container.decode(stream), [None]):
                for small in resampler.resample(frame):
                    samples += memoryview(small.planes[0])[:2 * small.samples]
        return wavs(bytes(samples))


class TorchCodecSound:
    """AudioDecoder that resamples and mixes down itself."""

    def load(self):
        import torch
        from torchcodec.decoders import AudioDecoder
        torch.set_num_threads(1)
        self.torch, self.decoder = torch, AudioDecoder

    def read(self, path, _):
        data = self.decoder(path, sample_rate=RATE, num_channels=1).get_all_samples().data[0]
        return wavs(data.mul(32767).clamp_(-32768, 32767).to(self.torch.int16).numpy().tobytes())


class FFmpegSound:
    """The command line tool and a pipe of samples."""

    def load(self):
        pass

    def read(self, path, _):
        command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-i", path, "-vn", "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
        return wavs(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


class SoundfileSoxr:
    """Blocks of a second, mixed down before the resampler."""

    def load(self):
        import numpy, soundfile, soxr
        self.numpy, self.soundfile, self.soxr = numpy, soundfile, soxr

    def read(self, path, _):
        with self.soundfile.SoundFile(path) as sound:
            stream = self.soxr.ResampleStream(sound.samplerate, RATE, 1, dtype="float32", quality="MQ")
            out = []
            for block in sound.blocks(sound.samplerate, dtype="float32", always_2d=True):
                out.append(stream.resample_chunk(block.mean(axis=1) if block.shape[1] > 1 else block[:, 0]))
            out.append(stream.resample_chunk(self.numpy.zeros(0, "float32"), last=True))
        samples = self.numpy.concatenate(out)
        return wavs((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())


IMAGE = {"OpenCV reduced": OpenCVReduced, "pyvips": Vips, "Pillow draft": PillowDraft, "Pillow": Pillow}
SOUND = {"PyAV": PyAVSound, "torchcodec": TorchCodecSound, "ffmpeg": FFmpegSound, "soundfile+soxr": SoundfileSoxr}
