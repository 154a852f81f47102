"""The video peers: each takes a clip and what is wanted of it, and gives {frame index: JPEG}. Written as their experts would."""
import subprocess

LONG_EDGE, QUALITY = 768, 85


def fit(width, height):
    scale = min(1.0, LONG_EDGE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def wanted(pick, count):
    """The frame indexes of `middle` and `linspace:N` among `count` frames in display order."""
    if pick == "middle":
        return [count // 2]
    number = int(pick.split(":")[1])
    return sorted({i * (count - 1) // (number - 1) for i in range(number)})


def jpeg_of_bgr(picture):
    import cv2
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def jpeg_of_rgb(picture):
    import cv2
    return jpeg_of_bgr(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


class PyAV:
    """Packet index, targets in display order, seek or go on; a keyframe is decoded alone."""

    def load(self):
        import av, cv2
        cv2.setNumThreads(1)
        av.logging.set_level(av.logging.PANIC)
        self.av = av

    def open(self, path):
        container = self.av.open(path)
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        return container, stream

    def jpeg(self, frame):
        small = frame.reformat(*fit(frame.width, frame.height), "bgr24", interpolation="AREA")
        return jpeg_of_bgr(small.to_ndarray())

    def read(self, path, pick):
        container, stream = self.open(path)
        with container:
            if pick == "keyframes":
                stream.codec_context.skip_frame = "NONKEY"
                return dict(enumerate(self.jpeg(frame) for frame in container.decode(stream)))
            packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
            shown = sorted((packet.pts, packet.is_keyframe) for packet in packets if packet.pts is not None)
            targets = wanted(pick, len(packets))
            if len(shown) < len(packets) or len({pts for pts, _ in shown}) < len(shown):
                return self.sequential(path, targets)
            keys = [0]
            for index, (_, key) in enumerate(shown):
                keys.append(index if key else keys[-1])
            return self.seek_or_go_on(container, stream, [pts for pts, _ in shown], keys[1:], targets) or self.sequential(path, targets)

    def seek_or_go_on(self, container, stream, pts, keys, targets):
        out, at, frames = {}, None, None
        for target in targets:
            if at is None or keys[target] > at + stream.codec_context.max_b_frames + 1:
                container.seek(pts[keys[target]], stream=stream)
                if keys[target] == target:
                    packet = next(packet for packet in container.demux(stream) if packet.is_keyframe and packet.pts is not None)
                    if packet.pts != pts[target]:
                        return None
                    out[target], at = self.jpeg([*stream.codec_context.decode(packet), *stream.codec_context.decode(None)][0]), None
                    continue
                frames = container.decode(stream)
            for frame in frames:
                if frame.pts is None or (frame.pts > pts[target]):
                    return None  # this container does not land where it is told to
                if frame.pts == pts[target]:
                    out[target], at = self.jpeg(frame), target
                    break
        return out

    def sequential(self, path, targets):
        container, stream = self.open(path)
        with container:
            out = {}
            for index, frame in enumerate(container.decode(stream)):
                if index in targets:
                    out[index] = self.jpeg(frame)
                    if index == targets[-1]:
                        break
            return out


class TorchCodec:
    """Exact seek mode, one thread, resize inside the decoder."""

    def load(self):
        import cv2, torch
        from torchcodec.decoders import VideoDecoder
        from torchcodec.transforms import Resize
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        self.decoder, self.resize = VideoDecoder, Resize

    def read(self, path, pick):
        header = self.decoder(path, seek_mode="approximate").metadata  # reads no packets
        width, height = fit(header.width, header.height)
        decoder = self.decoder(path, seek_mode="exact", num_ffmpeg_threads=1, dimension_order="NHWC", transforms=[self.resize((height, width))])
        if pick == "keyframes":
            from torchcodec._core import _get_key_frame_indices
            targets = _get_key_frame_indices(decoder._decoder).tolist()
        else:
            targets = wanted(pick, len(decoder))
        return dict(zip(targets, map(jpeg_of_rgb, decoder.get_frames_at(targets).data.numpy())))


class Decord:
    """get_batch on one thread; the size comes from a header read by PyAV, which is cheaper than opening twice."""

    def load(self):
        import av, cv2, decord
        cv2.setNumThreads(1)
        decord.logging.set_level(decord.logging.QUIET)
        self.av, self.decord = av, decord

    def read(self, path, pick):
        with self.av.open(path) as container:
            stream = container.streams.video[0]
            width, height = fit(stream.width, stream.height)
        reader = self.decord.VideoReader(path, ctx=self.decord.cpu(0), width=width, height=height, num_threads=1)
        targets = list(reader.get_key_indices()) if pick == "keyframes" else wanted(pick, len(reader))
        return dict(zip(targets, map(jpeg_of_rgb, reader.get_batch(targets).asnumpy())))


class OpenCV:
    """grab() over short gaps, a seek over long ones; FFmpeg on one thread."""

    def load(self):
        import cv2
        cv2.setNumThreads(1)
        self.cv2 = cv2

    def read(self, path, pick):
        cv2 = self.cv2
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        out, at = {}, 0
        for target in wanted(pick, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
            if target - at > 250:
                capture.set(cv2.CAP_PROP_POS_FRAMES, target)
                at = target
            while at <= target and capture.grab():
                at += 1
            good, picture = capture.retrieve() if at == target + 1 else (False, None)
            if not good:
                break  # the header promises more frames than there are; what was read counts
            height, width = picture.shape[:2]
            out[target] = jpeg_of_bgr(cv2.resize(picture, fit(width, height), interpolation=cv2.INTER_AREA))
        return out


class FFmpeg:
    """The command line tool: one forward pass and a pipe of JPEGs."""

    def load(self):
        pass

    def read(self, path, pick):
        scale = f"scale='if(gt(iw,ih),min(iw,{LONG_EDGE}),-2)':'if(gt(iw,ih),-2,min(ih,{LONG_EDGE}))':flags=area"
        command = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1"]
        if pick == "keyframes":
            command, select, targets = [*command, "-skip_frame", "nokey"], "", None
        else:
            counted = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=nb_frames", "-of", "csv=p=0", path],
                                     check=True, stdout=subprocess.PIPE).stdout
            targets = wanted(pick, int(counted))
            select = "select='" + "+".join(f"eq(n,{target})" for target in targets) + "',"
        piped = subprocess.run([*command, "-i", path, "-an", "-vf", select + scale, "-fps_mode", "passthrough", "-threads", "1",
                                "-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "-"], check=True, stdout=subprocess.PIPE).stdout
        pictures = [b"\xff\xd8\xff" + rest for rest in piped.split(b"\xff\xd8\xff")[1:]]
        return dict(zip(targets or range(len(pictures)), pictures))


VIDEO = {"PyAV": PyAV, "torchcodec": TorchCodec, "decord": Decord, "OpenCV": OpenCV, "ffmpeg": FFmpeg}
