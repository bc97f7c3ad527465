export { type Clock, systemClock } from './clock.ts'
export { type ErrorCode, errors, isErrorCode, TidemarkError, toTidemarkError } from './errors.ts'
export {
  createListeners,
  createObservable,
  guarded,
  type Listeners,
  type Observable,
  type ObservableValue,
  reportUncaught,
} from './observable.ts'
export { fraction, type Random, randomClientId, randomId, systemRandom } from './random.ts'
