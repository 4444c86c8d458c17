await null;
function fails() {
  throw new RangeError('thrown behind an await');
}
fails();
