// A page that does with Amplify Auth what the test tells it: one function after the other.
import { Amplify } from 'aws-amplify'
import * as auth from 'aws-amplify/auth'
import 'aws-amplify/auth/enable-oauth-listener'
import { Hub } from 'aws-amplify/utils'

const told = []
Hub.listen('auth', ({ payload }) => told.push(payload.event))

window.ostiary = {
  told,
  configure(found) {
    Amplify.configure({ Auth: { Cognito: found } })
  },
  async call(name, ...given) {
    try {
      const value = await auth[name](...given)
      return { value: JSON.parse(JSON.stringify(value ?? null)) }
    } catch (error) {
      return { error: error.name, message: error.message }
    }
  },
}
const kept = sessionStorage.getItem('configuration')
if (kept !== null) window.ostiary.configure(JSON.parse(kept))
document.title = 'ready'
