// Has to come before each of Node.js's own modules: the engine's own objects as they are, and what these look at while they load.
import '../globals.js';
import './skeleton.js';
import '../capture.js';
import '../promise.js';
import { load } from './load.js';

load('internal/per_context/primordials');
