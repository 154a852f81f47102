"""Some 300 texts that try to become markup or script: ways out of a context, times things to run, times ways to hide them."""

RUN = "top.pwned=1;alert(1)"
# Each leaves one context: text, an attribute, an element whose content is not markup, JSON, a comment, a template.
EXITS = ["", '">', "'>", "</title>", "</script>", "</style>", "</textarea>", "-->", "]]>", '"}]}</script>', "</template></svg>", "\\u003c/script\\u003e"]
THINGS = [
    f"<script>{RUN}</script>", f"<img src=x onerror={RUN!r}>", f"<svg onload={RUN!r}>", f"<svg><script>{RUN}</script></svg>",
    f"<details open ontoggle={RUN!r}>", f"<input autofocus onfocus={RUN!r}>", f"<iframe srcdoc=\"<script>parent.{RUN}</script>\">",
    f"<a href=\"javascript:{RUN}\" autofocus>x</a>", f"<math><mtext><img src=x onerror={RUN!r}></mtext></math>", f"<audio src onerror={RUN!r}>",
    "<object data=\"data:text/html,<script>alert(1)</script>\">", "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<meta http-equiv=refresh content=\"0;url=http://127.0.0.1:9/\">", "<base href=http://127.0.0.1:9/>", "<form action=http://127.0.0.1:9/><button>x",
    f"<style>@import 'http://127.0.0.1:9/';</style>", f"<body onload={RUN!r}>", "<template><script>alert(1)</script></template>",
]
HIDDEN = [
    lambda text: text.upper(), lambda text: text.replace("<", "\x00<"), lambda text: text.replace("<", "&lt;"), lambda text: text.replace("<", "\uff1c"),
    lambda text: "\u202e" + text + "\u2066", lambda text: text.replace(" ", "\t\n"), lambda text: "%3C" + text[1:],
]
OTHERS = ["{{7*7}}", "${7*7}", "{% raw %}", "__proto__", "constructor", "javascript:alert(1)", "\u2028alert(1)\u2029", "<!--<script>", "\u0000", "\ufeff", "𝔘𝔫𝔦 가나다 👩‍💻", "a" * 5000]


def payloads():
    """Every one once, in a fixed order; none holds what a manifest could not hold."""
    crossed = [way + thing for way in EXITS for thing in THINGS]
    hidden = [hide(THINGS[place % len(THINGS)]) for place in range(len(THINGS)) for hide in HIDDEN]
    return list(dict.fromkeys(text for text in crossed + hidden + OTHERS))
