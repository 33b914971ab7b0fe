"""Tables and pictures of the site, as phones need them."""

from __future__ import annotations

from docs_html import label_tables, link_pictures

ROW = '<tr>\n<td>one</td>\n<td style="text-align: right">two</td>\n<td></td>\n</tr>'
TABLE = f"<table>\n<thead>\n<tr>\n<th>a</th>\n<th><code>b</code></th>\n<th></th>\n</tr>\n</thead>\n{ROW}\n</table>"


def test_cells_of_a_wide_table_name_their_column() -> None:
    labelled = label_tables(f"<p>x</p>{TABLE}")
    assert '<td data-label="a">one</td>' in labelled
    assert '<td data-label="b" style="text-align: right">two</td>' in labelled
    assert '<td data-label=""></td>' in labelled
    assert labelled.startswith('<p>x</p><table data-cards="phone">')


def test_a_very_wide_table_is_always_shown_as_cards() -> None:
    cells = "".join(f"<th>{name}</th>" for name in "abcdef")
    assert label_tables(f"<table><tr>{cells}</tr></table>").startswith('<table data-cards="always">')


def test_a_narrow_table_stays_as_it_is() -> None:
    narrow = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert label_tables(narrow) == narrow
    long = narrow.replace("1", f"a <code>{'x' * 30}</code>")
    assert '<td data-label="a">a' in label_tables(long)


def test_a_picture_is_a_link_to_itself_unless_it_is_within_a_link() -> None:
    assert link_pictures('<img alt="x" src="a.svg">') == '<a class="picture" href="a.svg"><img alt="x" src="a.svg"></a>'
    within = '<a href="y"><img alt="x" src="a.svg"></a>'
    assert link_pictures(within) == within
