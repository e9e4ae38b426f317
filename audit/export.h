/* The words of an export (docs/spec/log-export.md), shared by its writer and its reader. */
#ifndef AUDIT_EXPORT_H
#define AUDIT_EXPORT_H

#define EXPORT_HEADER "medseal-log-export/1"
#define EXPORT_ORIGIN "origin "
#define EXPORT_NEWEST "newest"
#define EXPORT_CHECKPOINT "checkpoint"
#define EXPORT_END "end "

#endif
