"""What is shipped is in force."""

from observatory.reference import load_reference
from tests.observatory.reference.samples import found


def test_what_is_shipped() -> None:
    reference = load_reference()
    assert found(reference.match_address("36.86.63.185")) == "id.as17974.0.address"
    assert found(reference.match_name("www.internet-positif.org")) is not None
    assert found(reference.match_name("notice.uzone.id")) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/xlblockpage?x")]) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/shop")]) is None
    assert found(reference.match_page(b"<title>Internet Positif</title>")) == "id.title.internet_positif"
    assert 62041 in reference.telegram_asns
    assert all(f.source and f.seen for f in reference.fingerprints.all)
