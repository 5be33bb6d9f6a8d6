import { mallocContender } from './malloc.js';

export const contender = () => mallocContender('emmalloc');
