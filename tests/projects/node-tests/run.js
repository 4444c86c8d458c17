// Runs one of Node.js's own tests, by its name in test/parallel, as if node had been given that file.
const path = require("node:path");
const [name] = process.argv.splice(2, 1);
process.argv[1] = path.join(__dirname, "test/parallel", name);
require(process.argv[1]);
