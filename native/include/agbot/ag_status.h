/* Return codes shared by the native parts of agbot. */
#ifndef AGBOT_AG_STATUS_H
#define AGBOT_AG_STATUS_H

#define AG_OK 0
#define AG_ERR_INVALID_ARG (-1) /* NULL, out of range or off the grid; nothing was changed */
#define AG_ERR_NOMEM (-2)       /* allocation failed; nothing was changed */
#define AG_ERR_FULL (-3)        /* reserved: a full series evicts its oldest point instead */

#endif
