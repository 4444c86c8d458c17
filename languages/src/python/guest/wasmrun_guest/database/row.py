"""Rows whose values have names."""

from . import cursor as cursors
from .errors import kind_of

# Places by name, of the newest descriptions: (description, places) by the description's address.
_places, _KEPT = {}, 64


def _places_of(description):
    """The first place of each name. Letters of ASCII are the same in both cases, in names of nothing else."""
    found = _places.get(id(description))
    if found is None:
        if len(_places) >= _KEPT:
            _places.clear()
        places = {}
        for place, (name, *_) in enumerate(description):
            places.setdefault(name.lower() if name.isascii() else name, place)
        found = _places[id(description)] = (description, places)
    return found[1]


class Row:
    """A row of a result, by place or by name."""

    __module__ = "sqlite3"
    __slots__ = ("_data", "_description")

    def __new__(cls, cursor, data, /):
        # Of a class that only says that it is one, there is nothing.
        if not issubclass(type(cursor), cursors.Cursor):
            raise TypeError(f"Row() argument 1 must be sqlite3.Cursor, not {kind_of(cursor)}")
        if not isinstance(data, tuple):
            raise TypeError(f"Row() argument 2 must be tuple, not {kind_of(data)}")
        self = object.__new__(cls)
        self._data, self._description = data, cursor._description
        return self

    def keys(self):
        """The names of the columns."""
        return [] if self._description is None else [column[0] for column in self._description]

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        return iter(self._data)

    def __getitem__(self, key, /):
        if isinstance(key, str):
            if self._description is None:
                raise IndexError(f"No item with key {key!r}")
            place = _places_of(self._description).get(key.lower() if key.isascii() else key)
            if place is None:
                raise IndexError("No item with that key")
            return self._data[place]
        if isinstance(key, (int, slice)):
            return self._data[key]
        raise IndexError("Index must be int or string")

    def __hash__(self):
        return hash(self._description) ^ hash(self._data)

    def __eq__(self, other, /):
        if not isinstance(other, Row):
            return NotImplemented
        return self._description == other._description and self._data == other._data

    def __ne__(self, other, /):
        if not isinstance(other, Row):
            return NotImplemented
        return not (self._description == other._description and self._data == other._data)


def rows(data, description):
    """A row for each tuple."""
    made = []
    for each in data:
        row = object.__new__(Row)
        row._data, row._description = each, description
        made.append(row)
    return made
