"""Hand-made OpenDRIVE roads whose lane lines can be computed on paper."""

from __future__ import annotations

LANE_WIDTH = 3.5


def straight_road(length: float = 200.0, elevation: str = "") -> str:
    """One road along +x from the origin: two lanes of 3.5 m, a broken middle line, solid edges."""
    return f"""<?xml version="1.0"?><OpenDRIVE>
<header revMajor="1" revMinor="4" name="straight"/>
<road name="r" length="{length}" id="1" junction="-1"><link/>
<planView><geometry s="0" x="0" y="0" hdg="0" length="{length}"><line/></geometry></planView>
<elevationProfile>{elevation}</elevationProfile>
<lanes><laneSection s="0">
<left>{_lane(1)}</left>
<center><lane id="0" type="none" level="false"><roadMark sOffset="0" type="broken" color="white" width="0.12"/></lane>
</center><right>{_lane(-1)}</right></laneSection></lanes></road></OpenDRIVE>"""


def crest(begin: float, end: float, height: float) -> str:
    """An elevation profile: flat but for a parabola of `height` between `begin` and `end` [m]."""
    half = (end - begin) / 2
    b, c = 2 * height / half, -height / half**2
    return (
        '<elevation s="0" a="0" b="0" c="0" d="0"/>'
        f'<elevation s="{begin}" a="0" b="{b}" c="{c}" d="0"/>'
        f'<elevation s="{end}" a="0" b="0" c="0" d="0"/>'
    )


def _lane(number: int) -> str:
    return (
        f'<lane id="{number}" type="driving" level="false"><width sOffset="0" a="{LANE_WIDTH}" b="0" c="0" d="0"/>'
        '<roadMark sOffset="0" type="solid" color="yellow" width="0.15"/></lane>'
    )
